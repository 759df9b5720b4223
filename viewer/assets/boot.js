document.documentElement.className="js"
